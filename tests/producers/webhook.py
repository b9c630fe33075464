"""A receiver of webhooks of another make (http.server), for the tests of notices. Prints its port, then serves.

usage: webhook.py FOLDER SECRET

FOLDER/mode is the status that it answers with. Every request is a line of FOLDER/posts: JSON with the body, the id and
whether the signature holds: HMAC-SHA256 over the time, a dot and the body, no older than five minutes.
"""

import hashlib
import hmac
import http.server
import json
import pathlib
import sys
import time

folder, secret = pathlib.Path(sys.argv[1]), sys.argv[2].encode()


def holds(header, body):
    parts = dict(part.partition("=")[::2] for part in (header or "").split(","))
    if not parts.get("t", "").isdigit() or abs(time.time() - int(parts["t"])) > 300:
        return False
    expected = hmac.new(secret, parts["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, parts.get("v1", ""))


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        line = {
            "path": self.path,
            "id": self.headers["Reseal-Message-Id"],
            "signed": holds(self.headers["Reseal-Signature"], body),
            "forged": holds(self.headers["Reseal-Signature"], body + b" "),
            "body": json.loads(body),
        }
        with open(folder / "posts", "a") as posts:
            posts.write(json.dumps(line) + "\n")
        self.send_response(int((folder / "mode").read_text()))
        self.end_headers()

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
print(server.server_address[1], flush=True)
server.serve_forever()
