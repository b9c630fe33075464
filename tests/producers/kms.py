"""A KMS for tests: moto's server, which encrypts for real, behind a gate that counts what is asked.

moto serves disabled keys, never throttles, is never away, and says AccessDenied of a ciphertext under another key than the
one that is named, where AWS says IncorrectKeyException. For those the gate answers in its place, as a stub.
It prints {"port"}, then answers each line of JSON on stdin with one on stdout, until stdin ends:

    {"keys": 2}                                        make keys; gives their ARNs
    {"counts": true}                                   gives requests by operation since the last time
    {"stub": {"ReEncrypt": "ThrottlingException"}, "after": 5}   answer so, past the next 5; {"stub": {}} stops it
    {"delay": 0.5}                                     take that long for every request
"""

import base64
import collections
import io
import json
import logging
import sys
import threading
import time

import boto3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

STATUS = {"ThrottlingException": 400, "KMSInternalException": 500}


class Gate:
    def __init__(self, moto):
        self.moto, self.lock, self.counts = moto, threading.Lock(), collections.Counter()
        self.stub, self.after, self.delay = {}, 0, 0

    def __call__(self, environ, start_response):
        operation = environ.get("HTTP_X_AMZ_TARGET", "none").rpartition(".")[2]
        with self.lock:
            self.counts[operation] += 1
            code = self.stub.get(operation) or self.stub.get("*")
            if code and self.after > 0:
                code, self.after = None, self.after - 1
        time.sleep(self.delay)
        asked = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if operation == "Decrypt" and not code and other_key(json.loads(asked)):
            code = "IncorrectKeyException"
        if not code:
            environ["wsgi.input"] = io.BytesIO(asked)
            return self.moto(environ, start_response)
        body = json.dumps({"__type": code, "message": "said by the stub"}).encode()
        start_response(f"{STATUS.get(code, 400)} X", [
            ("Content-Type", "application/x-amz-json-1.1"), ("Content-Length", str(len(body))), ("x-amzn-errortype", code)])
        return [body]


def other_key(asked):
    """moto's ciphertext begins with the id of its key."""
    named = asked.get("KeyId", "").rpartition("/")[2]
    return named and not base64.b64decode(asked["CiphertextBlob"]).startswith(named.encode())


class Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *_):
        pass


def main():
    logging.disable(logging.CRITICAL)
    gate = Gate(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, gate, threaded=True, request_handler=Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    client = boto3.client("kms", endpoint_url=f"http://127.0.0.1:{server.server_port}", region_name="eu-west-1",
                          aws_access_key_id="test", aws_secret_access_key="test")
    print(json.dumps({"port": server.server_port}), flush=True)
    for line in sys.stdin:
        asked, answer = json.loads(line), {}
        if "keys" in asked:
            answer["keys"] = [client.create_key()["KeyMetadata"]["Arn"] for _ in range(asked["keys"])]
        with gate.lock:
            if "stub" in asked:
                gate.stub, gate.after = asked["stub"], asked.get("after", 0)
            gate.delay = asked.get("delay", gate.delay)
            if "counts" in asked:
                answer["counts"], gate.counts = dict(gate.counts), collections.Counter()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
