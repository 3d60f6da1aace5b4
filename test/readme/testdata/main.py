import os
import pathlib
import sys

from client import SessionClient

state = pathlib.Path(os.environ["SESSIOND_STATE"])
install_id = (state / "install_id").read_text()
client = SessionClient(os.environ["SESSIOND_URL"], install_id, state / "session")
for line in sys.stdin:
    if line.strip() == "forget":
        client._keep("")
        print("forgotten", flush=True)
    else:
        print(client.get("/v1/sessions/current")[0], flush=True)
