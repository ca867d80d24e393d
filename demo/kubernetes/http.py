"""The API servers of all simulated clusters on one port, each under ``/{cluster}`` with a bearer token of its own."""

import asyncio
import hmac
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from demo.kubernetes import patches, usage
from demo.kubernetes.budgets import evict, leave
from demo.kubernetes.cluster import Cluster
from demo.kubernetes.errors import ApiError
from demo.kubernetes.kinds import BY_PLURAL
from demo.kubernetes.objects import moment
from demo.kubernetes.store import Event, Object, Store, plural_of

KUBERNETES_VERSION = "v1.33.4-eks-demo"
BOOKMARK_S = 20.0
"""Between two bookmarks of a silent watch, and the longest that a closed one is kept."""

PAGE = 500
_METRICS = {"nodes": usage.nodes, "pods": usage.pods}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a path speaks of."""

    group: str
    plural: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""


def read_path(path: str) -> Target:
    """Read ``/api/v1/…`` or ``/apis/{group}/{version}/…``; raises ApiError for anything else."""
    parts = [part for part in path.split("/") if part]
    if parts[:1] == ["api"] and len(parts) > 2:
        group, rest = "", parts[2:]
    elif parts[:1] == ["apis"] and len(parts) > 3:
        group, rest = parts[1], parts[3:]
    else:
        raise ApiError(404, "NotFound", "the server could not find the requested resource")
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    plural, name, subresource = (*rest, "", "")[:3]
    return Target(group=group, plural=plural, namespace=namespace, name=name, subresource=subresource)


class KubernetesServer:
    """An ASGI application: one API server for each cluster."""

    def __init__(self, clusters: Mapping[str, Cluster]) -> None:
        self._clusters = clusters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except ApiError as err:
            headers = {"Retry-After": str(err.retry_after_s)} if err.retry_after_s else {}
            response = _json(err.to_json(), status=err.status, headers=headers)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        _, name, path = (*request.url.path.split("/", 2), "", "")[:3]
        cluster = self._clusters.get(name)
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if cluster is None or not hmac.compare_digest(given.encode(), cluster.token.encode()):
            raise ApiError(401, "Unauthorized", "Unauthorized")
        if path == "version":
            return _json({"major": "1", "minor": "33", "gitVersion": KUBERNETES_VERSION})
        target = read_path(path)
        if target.group == "metrics.k8s.io" and target.plural in _METRICS:
            return _json(_METRICS[target.plural](cluster.store))
        kind = BY_PLURAL[plural_of(target.plural)]
        if kind.group != target.group:
            raise ApiError(404, "NotFound", "the server could not find the requested resource")
        return await _Call(cluster.store, request, target).answer()


class _Call:
    """One request to one API server."""

    def __init__(self, store: Store, request: Request, target: Target) -> None:
        self._store, self._request, self._target = store, request, target
        self._kind = BY_PLURAL[target.plural]

    async def answer(self) -> Response:
        body = orjson.loads(await self._request.body() or b"{}")
        match self._request.method:
            case "GET" if self._target.name:
                return _json(self._found())
            case "GET" if self._request.query_params.get("watch") in ("true", "1"):
                return self._watch()
            case "GET":
                return _json(self._list())
            case "POST":
                return self._post(body)
            case "PATCH":
                return _json(self._patch(body))
            case "DELETE":
                return self._delete()
        raise ApiError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")

    def _found(self) -> Object:
        return self._store.get(self._target.plural, self._target.name, self._target.namespace)

    def _list(self) -> Object:
        """A page: everything after the name that the token holds. What changes meanwhile, the watch tells."""
        query = self._request.query_params
        version, _, after = query.get("continue", "").partition(":")
        version = version or str(self._store.version)
        items = sorted((one for one in self._store.of(self._target.plural) if self._is_meant(one)), key=_place)
        rest = [one for one in items if not after or _place(one) > after]
        page = rest[: int(query.get("limit", PAGE))]
        metadata: Object = {"resourceVersion": version}
        if left := len(rest) - len(page):
            metadata |= {"continue": f"{version}:{_place(page[-1])}", "remainingItemCount": left}
        return {
            "kind": f"{self._kind.name}List",
            "apiVersion": self._kind.api_version,
            "metadata": metadata,
            "items": page,
        }

    def _is_meant(self, obj: Object) -> bool:
        field, _, value = self._request.query_params.get("fieldSelector", "").partition("=")
        found = {
            "": "",
            "spec.nodeName": obj.get("spec", {}).get("nodeName", ""),
            "metadata.name": obj["metadata"]["name"],
        }
        if field not in found:
            raise ApiError(400, "BadRequest", f'field label not supported: "{field}"')
        namespace = self._target.namespace
        return found[field] == value and namespace in ("", obj["metadata"].get("namespace", ""))

    def _watch(self) -> Response:
        since = int(self._request.query_params.get("resourceVersion") or self._store.version)
        lasts_s = float(self._request.query_params.get("timeoutSeconds", 300))
        return StreamingResponse(self._events(since, lasts_s), media_type="application/json")

    async def _events(self, since: int, lasts_s: float) -> AsyncIterator[bytes]:
        events = aiter(self._store.watch(self._target.plural, since))
        upcoming: asyncio.Task[Event | None] | None = None
        ends_at = asyncio.get_running_loop().time() + lasts_s
        try:
            while (left_s := ends_at - asyncio.get_running_loop().time()) > 0:
                upcoming = upcoming or asyncio.ensure_future(anext(events))
                done, _ = await asyncio.wait([upcoming], timeout=min(BOOKMARK_S, left_s))
                if not done:
                    yield self._bookmark()
                    continue
                event, upcoming = upcoming.result(), None
                if event is not None and self._is_meant(event.object):
                    yield orjson.dumps({"type": event.type, "object": event.object}) + b"\n"
        except ApiError as err:
            yield orjson.dumps({"type": "ERROR", "object": err.to_json()}) + b"\n"
        finally:
            if upcoming is not None:
                upcoming.cancel()

    def _bookmark(self) -> bytes:
        metadata = {"resourceVersion": str(self._store.version)}
        head = {"kind": self._kind.name, "apiVersion": self._kind.api_version, "metadata": metadata}
        return orjson.dumps({"type": "BOOKMARK", "object": head}) + b"\n"

    def _post(self, body: Object) -> Response:
        target, dry_run = self._target, self._request.query_params.get("dryRun") == "All"
        if (target.plural, target.subresource) == ("pods", "eviction"):
            evict(self._store, target.name, target.namespace, body, dry_run=dry_run)
            return _json({"kind": "Status", "apiVersion": "v1", "status": "Success", "code": 201}, status=201)
        if target.name:
            raise ApiError(404, "NotFound", "the server could not find the requested resource")
        place = {"namespace": target.namespace} if self._kind.namespaced else {}
        made = body | {"kind": self._kind.name, "metadata": body.get("metadata", {}) | place}
        return _json(self._store.create(made), status=201)

    def _patch(self, body: Object) -> Object:
        query, current = self._request.query_params, self._found()
        content_type = self._request.headers.get("Content-Type", "")
        wanted = str((body.get("metadata") or {}).get("resourceVersion") or "")

        def change(obj: Object) -> None:
            if "apply-patch" in content_type:
                at = moment(self._store.now())
                patches.apply(obj, body, manager=query.get("fieldManager", "unknown"), time=at)
            elif "strategic" in content_type:
                patches.strategic(obj, body)
            else:
                patches.merge(obj, body)
            obj["metadata"]["resourceVersion"] = current["metadata"]["resourceVersion"]

        if query.get("dryRun") == "All":
            rehearsed: Object = orjson.loads(orjson.dumps(current))
            change(rehearsed)
            return rehearsed
        return self._store.edit(current, change, only_if=wanted)

    def _delete(self) -> Response:
        obj = self._found()
        if self._target.plural == "pods":
            leave(self._store, obj)
        else:
            self._store.remove(obj)
        return _json({"kind": "Status", "apiVersion": "v1", "status": "Success"})


def _place(obj: Object) -> str:
    return f"{obj['metadata'].get('namespace', '')}/{obj['metadata']['name']}"


def _json(body: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), status_code=status, media_type="application/json", headers=headers)
