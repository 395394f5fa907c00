"""One session with a daemon: socket, thread, requests, replies, events. Never looks at pixels or at what is drawn."""
