"""An HTTP receiver for the tests of plugins. Checks Standard Webhooks signatures with Python's own
code, and prints one JSON line for every request. Answers by a plan: numbers separated by commas,
one for each request, then 200; `poison=CODE` answers so whenever the body holds the word `poison`;
`hang` never answers."""

import base64
import hashlib
import hmac
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

port, secret, plan = int(sys.argv[1]), sys.argv[2], [p for p in sys.argv[3].split(",") if p]
poison = next((int(p.split("=")[1]) for p in plan if p.startswith("poison=")), None)
hang = "hang" in plan
answers = [int(p) for p in plan if p.isdigit()]
key = base64.b64decode(secret.removeprefix("whsec_")) if secret.startswith("whsec_") else b""

lock = threading.Lock()


def is_signed(headers, body):
    try:
        if abs(time.time() - int(headers["webhook-timestamp"])) > 300:
            return False
        content = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body])
        expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        given = [s.split(",", 1) for s in headers["webhook-signature"].split(" ")]
        return any(v == "v1" and hmac.compare_digest(s, expected) for v, s in given)
    except (KeyError, TypeError, ValueError, AttributeError):
        return False


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"] or 0))
        if hang:
            time.sleep(3600)
        code = answers.pop(0) if answers else 200
        if poison and b"poison" in body:
            code = poison
        line = json.dumps({
            "path": self.path, "code": code, "signed": is_signed(self.headers, body),
            "id": self.headers["webhook-id"], "timestamp": self.headers["webhook-timestamp"],
            "type": self.headers["content-type"], "authorization": self.headers["authorization"],
            "body": body.decode(),
        })
        with lock:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
        self.send_response(code)
        if code == 302:
            self.send_header("location", "/elsewhere")
        if code == 503:
            self.send_header("retry-after", "1")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


Server(("127.0.0.1", port), Handler).serve_forever()
