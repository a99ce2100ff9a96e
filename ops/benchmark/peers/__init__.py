"""One file a system. Each runs as a process of its own, some of them in a Python that holds nothing of ours.

So `protocol.py` and the peers in other venvs import the standard library, their own package and each other.
"""
