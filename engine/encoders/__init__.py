"""Models that read a whole text at once: label scores and sentence vectors, nothing generated.

`families`, `sentence`, `batches` and `scheduler` decide and import no torch; `loading` and `runner` compute.
The thread that steps through what has been submitted is `engine.loop`, as for decoders.
"""
