"""The vendors' own SDKs as clients of our fakes and of our gateway, each in an environment of its own.

`python -m tests.clients.NAME.play --url URL` prints one JSON object; the environments are made by `make clients`.
"""
