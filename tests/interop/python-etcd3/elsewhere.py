"""What pytest is told for the tests of `etcd3`: where the server is, and how many examples."""

import functools
import os
from urllib.parse import urlparse

import etcd3
import hypothesis

URL = urlparse(os.environ["PYTHON_ETCD_HTTP_URL"])

# Some of the tests take the default, a server at its default address.
here = functools.partial(etcd3.client, host=URL.hostname, port=URL.port)


def client(*args, **kwargs):
    return here(*args, **kwargs) if not args else here.func(*args, **kwargs)


etcd3.client = client

# A busy machine is no failure.
hypothesis.settings.register_profile(
    "clients",
    max_examples=int(os.environ.get("CLIENTS_EXAMPLES", "100")),
    deadline=None,
    derandomize=True,
)
hypothesis.settings.load_profile("clients")
