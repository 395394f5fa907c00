#!/bin/sh
# Guess: a socket that is bound to a TCP port above 65535 raises an error.
# Seen: libzmq takes the port modulo 65536 without a word, so a slip of the keyboard listens somewhere else.
# Runs pyzmq in a temporary folder, on loopback. Ends with 1 where the behaviour is another one.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check pyzmq==27.1.0
"$place/venv/bin/python" - <<'PYTHON'
import sys

import zmq

print(f"pyzmq {zmq.__version__}, libzmq {zmq.zmq_version()}")
with zmq.Context() as context, context.socket(zmq.ROUTER) as socket:
    try:
        socket.bind("tcp://127.0.0.1:99999")
    except zmq.ZMQError as error:
        print(f"refused: {error}")
        sys.exit(1)
    bound = socket.get_string(zmq.LAST_ENDPOINT)
    print(f"asked for port 99999, bound to {bound}")
    sys.exit(bound != f"tcp://127.0.0.1:{99999 % 65536}")
PYTHON
