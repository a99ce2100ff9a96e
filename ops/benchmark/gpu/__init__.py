"""`bash ops/bench gpu`: the engine, its peers and the card's own limits, measured on a GPU.

Needs Python, torch and transformers, and nothing else that is not in the repository.
"""
