"""A service that is a list of answers."""

from __future__ import annotations

import httpx

ID = "11111111-1111-4111-8111-111111111111"
TOKEN = "CW-SECRET-abcdef"
GATEWAY = {"gateway": {"spec": {"id": ID, "name": "public"}, "status": {"status": "STATUS_READY"}}}
TROUBLE = httpx.Response(503, json={"code": 14, "message": "busy"})


class Script:
    """Answers in turn; the last one for ever. An exception is raised. Keeps the requests."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests = []

    def __call__(self, request):
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    @property
    def lines(self):
        return [f"{request.method} {request.url.raw_path.decode()}" for request in self.requests]


def ok(document):
    return httpx.Response(200, json=document)
