"""Who asks: schemathesis loads this for tools/contract/run.

The administrator's token is renewed long before it ends, and after a request that may have ended it.
"""

import json
import os
import urllib.request

import schemathesis


def log_in():
    credentials = {"username": "admin", "password": os.environ["CONTRACT_PASSWORD"]}
    request = urllib.request.Request(
        os.environ["CONTRACT_URL"] + "/api/v1/auth/login",
        json.dumps(credentials).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as response:
        return json.load(response)["access_token"]


if os.environ["CONTRACT_CALLER"] == "administrator":

    @schemathesis.auth(refresh_interval=120)
    class Administrator:
        def get(self, case, context):
            return log_in()

        def set(self, case, data, context):
            case.headers = case.headers or {}
            case.headers["Authorization"] = f"Bearer {data}"
