"""HTTP clients for all of Ebbwatch: proxies of the environment are used, a netrc is not.

``HTTP_PROXY``, ``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY`` are honoured. ``~/.netrc`` is
not: what stands there is for other programs, and libraries that read it send it along in place
of the token we meant to send.
"""
