"""The CloudEvents SDK for Python as its documentation shows it.

serve      prints `listening URL`, then each event read as one line; a request to /answer/MODE is answered with the event in its data
send URL   sends what each line of standard input tells, and prints what came of it
"""

import base64
import http.client
import json
import sys
import threading
from datetime import datetime
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from urllib.parse import urlsplit

from cloudevents.core.bindings.http import HTTPMessage, from_http_event, to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent


def make(spec):
    attributes = dict(spec["attributes"])
    if "time" in attributes:
        attributes["time"] = datetime.fromisoformat(attributes["time"].replace("Z", "+00:00"))
    return CloudEvent(attributes, data_of(spec["data"]))


def data_of(data):
    if data is None:
        return None
    if "json" in data:
        return json.loads(data["json"])
    return data["text"] if "text" in data else base64.b64decode(data["base64"])


def write(mode, event):
    return to_binary_event(event) if mode == "binary" else to_structured_event(event)


def text(value):
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else str(value)


def report(path, event):
    data = event.get_data()
    if isinstance(data, str):
        data = data.encode()
    elif data is not None and not isinstance(data, bytes):
        data = json.dumps(data).encode()
    attributes = {name: text(value) for name, value in event.get_attributes().items()}
    encoded = None if data is None else base64.b64encode(data).decode()
    return {"path": path, "attributes": attributes, "data": encoded}


# one thread a connection, and a line stays whole
saying = threading.Lock()


def say(line):
    with saying:
        print(json.dumps(line), flush=True)


class Subscriber(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        try:
            event = from_http_event(HTTPMessage(dict(self.headers), body))
            say(report(self.path, event))
            if not self.path.startswith("/answer/"):
                return self.answer(204, HTTPMessage({}, b""))
            self.answer(200, write(self.path.removeprefix("/answer/"), make(event.get_data())))
        except Exception as error:
            say({"path": self.path, "error": repr(error)})
            self.answer(400, HTTPMessage({}, b""))

    def answer(self, status, message):
        self.send_response(status)
        for name, value in message.headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("content-length", str(len(message.body)))
        self.end_headers()
        self.wfile.write(message.body)

    def log_message(self, format, *arguments):
        pass


def serve():
    ThreadingTCPServer.daemon_threads = True
    ThreadingTCPServer.request_queue_size = 128
    with ThreadingTCPServer(("127.0.0.1", 0), Subscriber) as server:
        print(f"listening http://127.0.0.1:{server.server_address[1]}", flush=True)
        server.serve_forever()


def send(url):
    target = urlsplit(url)
    for line in sys.stdin:
        job = json.loads(line)
        try:
            message = write(job["mode"], make(job["events"][0]))
            connection = http.client.HTTPConnection(target.hostname, target.port)
            connection.request("POST", target.path, message.body, message.headers)
            answer = connection.getresponse()
            say({"status": answer.status, "body": answer.read().decode()})
            connection.close()
        except Exception as error:
            say({"error": repr(error)})


if sys.argv[1] == "serve":
    serve()
else:
    send(sys.argv[2])
