"""The remote side of the transport: the host's own Python interpreter runs this, without a fork and without a file.

Modules of this package travel over the connection. They may import the standard library (3.11 or newer),
`mitogen.core`, jeepney and each other, nothing else of this project. What they return is made of None, bool,
int, float, str, bytes, list, tuple and dict.
"""
