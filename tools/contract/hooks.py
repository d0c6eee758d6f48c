"""Who asks: schemathesis loads this for tools/contract/run.

The administrator changes neither itself nor its organization, or all further requests were nobody's. It logs in again when the session has ended: some of the requests end it. The token of the first login's
device goes along, because others of the requests are failed logins, after which strangers have to wait.
"""

import json
import os
import urllib.request
import uuid

import schemathesis

device = {}
own = set()


def ask(path, token):
    request = urllib.request.Request(os.environ["CONTRACT_URL"] + path, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request) as response:
        return json.load(response)


def log_in():
    credentials = {"username": "admin", "password": os.environ["CONTRACT_PASSWORD"], **device}
    request = urllib.request.Request(
        os.environ["CONTRACT_URL"] + "/api/v1/auth/login",
        json.dumps(credentials).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as response:
        answer = json.load(response)
    if answer.get("device_token"):
        device["device_token"] = answer["device_token"]
    return answer["access_token"]


if os.environ["CONTRACT_CALLER"] == "administrator":
    me = ask("/api/v1/auth/me", log_in())
    own.update({me["account"], me["organization"]})

    @schemathesis.hook
    def before_call(context, case, kwargs):
        named = (case.path_parameters or {}).get("id")
        if case.method.upper() != "GET" and named in own:
            case.path_parameters["id"] = str(uuid.uuid4())

    @schemathesis.auth(refresh_interval=60)
    class Administrator:
        def get(self, case, context):
            return log_in()

        def set(self, case, data, context):
            case.headers = case.headers or {}
            case.headers["Authorization"] = f"Bearer {data}"
