#!/bin/sh
# Guess: metadata given to zmq.auth.create_certificates stands in both files, of the public and of the secret key.
# Seen: in the secret file alone. Who is given a public key by its owner finds nothing in it of what was said about it.
# Runs pyzmq in a temporary folder. Ends with 1 where the behaviour is another one.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check pyzmq==27.1.0
"$place/venv/bin/python" - "$place" <<'PYTHON'
import sys

import zmq
import zmq.auth

print(f"pyzmq {zmq.__version__}, libzmq {zmq.zmq_version()}")
public, secret = zmq.auth.create_certificates(sys.argv[1], "mine", metadata={"role": "client"})
told = {}
for name, path in (("public", public), ("secret", secret)):
    with open(path, encoding="utf-8") as file:
        told[name] = 'role = client' in file.read()
    print(f"{name} file has the metadata: {told[name]}")
sys.exit(told != {"public": False, "secret": True})
PYTHON
