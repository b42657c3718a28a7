"""The least that the same server and framework can do: a route that answers nothing. `python -m tests.bench.empty_api PORT`."""

import sys

import uvicorn
from fastapi import FastAPI
from fastapi.responses import Response

app = FastAPI()


@app.get("/healthz")
def nothing() -> Response:
    """In a thread, as our reads are."""
    return Response(b"{}", media_type="application/json")


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=False, log_level="warning")
