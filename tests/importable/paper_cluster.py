"""A mock Kubernetes API: jobs and pods that are never run, for a worker with only the permissions of a Role."""

import copy
import json
import queue
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

LOGGED = "the last words of the pod"
GROUPS = {"jobs": ("batch", "batch/v1", "Job"), "pods": ("", "v1", "Pod")}
_VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"]
# A worker waits for the list of namespaces, even if it is configured for one namespace.
_KNOWN = {"batch/v1": {"jobs": "Job"}, "v1": {"pods": "Pod", "namespaces": "Namespace", "events": "Event"}}
_BATCH = {"groupVersion": "batch/v1", "version": "v1"}
_DISCOVERY = {
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {
        "kind": "APIGroupList", "groups": [{"name": "batch", "versions": [_BATCH], "preferredVersion": _BATCH}]
    },
} | {
    f"/api{'s' if '/' in version else ''}/{version}": {
        "kind": "APIResourceList", "groupVersion": version,
        "resources": [
            {
                "name": name, "singularName": kind.lower(), "kind": kind, "namespaced": kind != "Namespace",
                "verbs": _VERBS,
            }
            for name, kind in known.items()
        ],
    }
    for version, known in _KNOWN.items()
}  # fmt: skip


class PaperCluster:
    """Objects of the cluster and received requests; tests decide how jobs end."""

    def __init__(self, namespace, rules):
        self.namespace = namespace
        self.used, self.denied = set(), []
        self._rights = {
            (group, resource, verb)
            for rule in rules
            for group in rule["apiGroups"]
            for resource in rule["resources"]
            for verb in rule["verbs"]
        }
        self._held = {name: {} for name in GROUPS}
        self._watching = []
        self._version = 1
        self._lock = threading.RLock()

    def allows(self, group, resource, verb):
        """Record a request, and return whether the Role permits it."""
        right = (group, resource, verb)
        (self.used.add if right in self._rights else self.denied.append)(right)
        return right in self._rights

    def job_of(self, run):
        """The job of a flow run, `None` if there is none."""
        with self._lock:
            jobs = self._held["jobs"].values()
            found = [one for one in jobs if one["metadata"]["labels"]["prefect.io/flow-run-id"] == str(run)]
            return copy.deepcopy(found[-1]) if found else None

    def fail(self, run):
        """End the pod of a run with 137, and its job with it."""
        job = self.job_of(run)
        state = {"terminated": {"exitCode": 137, "reason": "OOMKilled", "finishedAt": _now()}}
        pod = self._held["pods"][job["metadata"]["name"]]
        statuses = [
            {"name": "prefect-job", "state": state, "restartCount": 0, "ready": False, "image": "-", "imageID": "-"}
        ]
        self._put("pods", "MODIFIED", pod | {"status": {"phase": "Failed", "containerStatuses": statuses}})
        self._put("jobs", "MODIFIED", job | {"status": {"failed": 1}})

    def delete(self, name):
        """Delete a job and its pod; returns whether it existed."""
        with self._lock:
            if name not in self._held["jobs"]:
                return False
            for resource in ("pods", "jobs"):
                self._put(resource, "DELETED", self._held[resource].pop(name), name)
            return True

    def create(self, job):
        """Create a job, and its pod, which is pending."""
        name = job["metadata"]["generateName"] + uuid4().hex[:5]
        job["metadata"] |= {"name": name, "uid": str(uuid4()), "creationTimestamp": _now()}
        self._put("jobs", "ADDED", job | {"status": {}}, name)
        template = job["spec"]["template"]
        metadata = {
            "name": name, "namespace": self.namespace, "uid": str(uuid4()), "creationTimestamp": _now(),
            "labels": template["metadata"]["labels"] | {"job-name": name},
        }  # fmt: skip
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
        self._put("pods", "ADDED", pod | {"status": {"phase": "Pending"}}, name)
        return job

    def get(self, name):
        """A job by its name."""
        return self._held["jobs"].get(name)

    def listed(self, resource, selector):
        """The response to a list request."""
        with self._lock:
            items = [one for one in self._held[resource].values() if _fits(one, selector)]
            _, version, kind = GROUPS[resource]
            metadata = {"resourceVersion": str(self._version)}
            return copy.deepcopy({"kind": f"{kind}List", "apiVersion": version, "metadata": metadata, "items": items})

    @contextmanager
    def watched(self, resource, selector):
        """A queue of all later events."""
        mine = (resource, selector, queue.Queue())
        self._watching.append(mine)
        try:
            yield mine[2]
        finally:
            self._watching.remove(mine)

    def _put(self, resource, what, value, name=None):
        with self._lock:
            self._version += 1
            value["metadata"]["resourceVersion"] = str(self._version)
            if what != "DELETED":
                self._held[resource][name or value["metadata"]["name"]] = value
            for wanted, selector, events in self._watching:
                if wanted == resource and _fits(value, selector):
                    events.put(copy.deepcopy({"type": what, "object": value}))


@contextmanager
def serving(cluster):
    """The URL of the mock API on loopback."""

    class Handler(_Handler):
        paper = cluster

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    paper: PaperCluster

    def do_GET(self):
        path, query = self._asked()
        match self._place(path):
            case [resource] if query.get("watch", "").lower() in {"true", "1"}:
                if self._may(resource, "watch"):
                    self._watch(resource, query.get("labelSelector", ""))
            case [resource]:
                if self._may(resource, "list"):
                    self._answer(200, self.paper.listed(resource, query.get("labelSelector", "")))
            case ["jobs", name]:
                if self._may("jobs", "get"):
                    job = self.paper.get(name)
                    self._answer(200 if job else 404, job or {"kind": "Status", "code": 404})
            case ["pods", _, "log"]:
                if self._may("pods/log", "get"):
                    self._answer(200, LOGGED)
            case _:
                known = _DISCOVERY.get(path)
                self._answer(200, known) if known else self._refused("GET", path)

    def do_POST(self):
        path, _ = self._asked()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self._place(path) == ["jobs"]:
            if self._may("jobs", "create"):
                self._answer(201, self.paper.create(json.loads(body)))
        else:
            self._refused("POST", path)

    def do_DELETE(self):
        path, _ = self._asked()
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        match self._place(path):
            case ["jobs", name]:
                if self._may("jobs", "delete"):
                    self._answer(200 if self.paper.delete(name) else 404, {"kind": "Status"})
            case _:
                self._refused("DELETE", path)

    def do_PATCH(self):
        self._refused("PATCH", self._asked()[0])

    def log_message(self, *_):
        """Log nothing: tests read the recorded requests."""

    def _asked(self):
        parts = urlsplit(self.path)
        return parts.path, {name: values[-1] for name, values in parse_qs(parts.query).items()}

    def _place(self, path):
        """The path of an object below the namespace, by resource; empty for other paths."""
        for resource, (group, version, _) in GROUPS.items():
            base = f"/api{'s' if group else ''}/{version}/namespaces/{self.paper.namespace}/"
            if path.startswith(base + resource):
                return path.removeprefix(base).split("/")
        return []

    def _may(self, resource, verb):
        group = GROUPS[resource.partition("/")[0]][0]
        if allowed := self.paper.allows(group, resource, verb):
            return allowed
        self._answer(403, {"kind": "Status", "code": 403, "message": f"{resource} {verb}"})
        return False

    def _refused(self, verb, path):
        self.paper.denied.append((verb, path))
        self._answer(403, {"kind": "Status", "code": 403, "message": f"{verb} {path}"})

    def _watch(self, resource, selector):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        with self.paper.watched(resource, selector) as events:
            try:
                while True:
                    self.wfile.write(json.dumps(events.get()).encode() + b"\n")
                    self.wfile.flush()
            except OSError:
                return

    def _answer(self, status, value):
        body = (value if isinstance(value, str) else json.dumps(value)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain" if isinstance(value, str) else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _fits(value, selector):
    """Whether an object has the labels: `name` or `name=value`, separated by commas."""
    labels = value["metadata"].get("labels", {})
    wanted = [one.partition("=") for one in selector.split(",") if one]
    return all(name in labels and (not equal or labels[name] == text) for name, equal, text in wanted)


def _now():
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
