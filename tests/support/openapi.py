"""The coordinator's API from docs/openapi.json: its operations, a small validator of JSON Schema, a client.

Nothing but what docs/openapi.json uses is understood; anything else is a fault of this file, and said.
"""
import http.client
import json
import re
import urllib.parse

KNOWN = {"type", "properties", "required", "additionalProperties", "items", "anyOf", "enum", "pattern", "minimum",
         "maximum", "maxLength", "$ref"}
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


class Api:
    def __init__(self, path="docs/openapi.json"):
        with open(path) as f:
            self.doc = json.load(f)
        self.operations = [(method.upper(), pattern, op) for pattern, methods in self.doc["paths"].items()
                           for method, op in methods.items()]

    def resolve(self, node):
        while "$ref" in node:
            target = self.doc
            for part in node["$ref"].lstrip("#/").split("/"):
                target = target[part]
            node = target
        return node

    def faults(self, schema, value, at="$"):
        """What is wrong with value, one line each."""
        schema = self.resolve(schema)
        unknown = set(schema) - KNOWN
        if unknown:
            return [f"{at}: the validator does not know {unknown}"]
        if "anyOf" in schema:
            each = [self.faults(s, value, at) for s in schema["anyOf"]]
            return [] if any(not f for f in each) else each[0]
        kind = schema.get("type")
        if kind in ("integer", "number"):
            fits = isinstance(value, (int, float) if kind == "number" else int) and not isinstance(value, bool)
        else:
            fits = kind is None or isinstance(value, TYPES[kind])
        if not fits:
            return [f"{at}: {json.dumps(value)[:60]} is no {kind}"]
        return list(self.inside(schema, kind, value, at))

    def inside(self, schema, kind, value, at):
        if "enum" in schema and value not in schema["enum"]:
            yield f"{at}: {value!r} is none of {schema['enum']}"
        if "pattern" in schema and not re.search(schema["pattern"], value):
            yield f"{at}: {value!r} is not {schema['pattern']}"
        if "maxLength" in schema and len(value) > schema["maxLength"]:
            yield f"{at}: longer than {schema['maxLength']}"
        if "minimum" in schema and value < schema["minimum"] or "maximum" in schema and value > schema["maximum"]:
            yield f"{at}: {value} is out of bounds"
        if kind == "array":
            for i, item in enumerate(value):
                yield from self.faults(schema["items"], item, f"{at}[{i}]")
        if kind == "object":
            known = schema.get("properties", {})
            rest = schema.get("additionalProperties", True)
            for key in schema.get("required", []):
                if key not in value:
                    yield f"{at}: lacks {key}"
            for key, item in value.items():
                if key in known:
                    yield from self.faults(known[key], item, f"{at}.{key}")
                elif rest is False:
                    yield f"{at}: {key} is not described"
                elif rest is not True:
                    yield from self.faults(rest, item, f"{at}.{key}")

    def judge(self, op, status, kind, body):
        """What is wrong with an answer to this operation, one line each."""
        response = op["responses"].get(str(status))
        if response is None:
            return [f"status {status} is not described: {body[:200]!r}"]
        content = self.resolve(response)["content"]
        kind = (kind or "").split(";")[0]
        if kind not in content:
            return [f"status {status} has the type {kind!r}"]
        if kind == "text/event-stream":
            return []
        try:
            value = json.loads(body)
        except ValueError:
            return [f"status {status}: not JSON: {body[:200]!r}"]
        found = self.faults(content[kind]["schema"], value)
        if kind == "application/problem+json" and not found and value["status"] != status:
            found = [f"status {status} says that it is {value['status']}"]
        return found


class Client:
    def __init__(self, data, token=None):
        with open(f"{data}/endpoints.json") as f:
            self.url = urllib.parse.urlparse(json.load(f)["http"])
        with open(f"{data}/admin.token") as f:
            self.token = token or f.read().strip()
        self.connection = None

    def ask(self, method, path, body=None, headers=None, token=True):
        """(status, headers, bytes); of a stream the first bytes at most."""
        headers = dict(headers or {})
        if token:
            headers["Authorization"] = "Bearer " + (self.token if token is True else token)
        for again in (False, True):
            try:
                if self.connection is None:
                    self.connection = http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=60)
                self.connection.request(method, path, body=body, headers=headers)
                response = self.connection.getresponse()
                if response.getheader("Content-Type") == "text/event-stream" and method != "HEAD":
                    self.close()
                    return response.status, response.headers, b""
                return response.status, response.headers, response.read()
            except (http.client.HTTPException, OSError):
                self.close()
                if again:
                    raise

    def announce(self, method, path, length):
        """The answer to the headers of a body that is never sent."""
        self.close()
        c = http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=60)
        c.putrequest(method, path)
        c.putheader("Authorization", "Bearer " + self.token)
        c.putheader("Content-Length", str(length))
        c.endheaders()
        response = c.getresponse()
        body = response.read()
        c.close()
        return response.status, response.headers, body

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None
