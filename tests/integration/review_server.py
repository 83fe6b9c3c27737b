"""review_server.py - of a Kubernetes API server: its version, what its caller may do, and empty lists that nothing is added to.

    with ReviewServer(minor="30", denied={"create secrets"}) as server:
        ... server.url ...
        server.asked        {"create jobs", ...}
"""
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class ReviewServer:
    def __init__(self, minor="30", denied=(), status=200):
        self.minor, self.denied, self.status = minor, set(denied), status
        self.asked, self.groups, self.strange, self.tokens = [], {}, [], set()
        self.over = threading.Event()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.http.daemon_threads = True
        self.url = "http://127.0.0.1:%d" % self.http.server_address[1]

    def __enter__(self):
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.http.shutdown()
        self.http.server_close()

    def answer(self, method, path, body):
        if self.status != 200:
            return self.status, {"kind": "Status", "code": self.status, "message": "told so"}
        if (method, path) == ("GET", "/version"):
            return 200, {"major": "1", "minor": self.minor} if self.minor else {}
        resource = path.split("?")[0].rsplit("/", 1)[1]
        if method == "GET" and resource in ("jobs", "deployments", "pods"):
            verb = "watch" if "watch=1" in path else "list"
            if "%s %s" % (verb, resource) in self.denied:
                return 403, {"kind": "Status", "code": 403, "message": "%s is forbidden: cannot %s" % (resource, verb)}
            return 200, {"metadata": {"resourceVersion": "7"}, "items": []} if verb == "list" else None
        if (method, path) != ("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"):
            self.strange.append((method, path))
            return 404, {}
        review = json.loads(body)
        what = review["spec"]["resourceAttributes"]
        right = "%s %s" % (what["verb"], what["resource"])
        self.asked.append(right)
        self.groups[what["resource"]] = (what["group"], what["namespace"])
        return 201, dict(review, status={"allowed": right not in self.denied})

    def handler(server):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def reply(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                server.tokens.add(self.headers.get("Authorization"))
                status, doc = server.answer(self.command, self.path, body)
                text = json.dumps(doc).encode()
                self.send_response(status)
                if doc is None:  # a watch
                    self.end_headers()
                    server.over.wait()
                    self.close_connection = True
                    return
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = reply

            def log_message(self, *_):
                pass

        return Handler
