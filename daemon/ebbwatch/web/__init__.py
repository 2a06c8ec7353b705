"""The status page and metrics: what fires, why, and when the next figure comes, on any screen.

Nothing can be changed here. Every answer is the desk's; `gate` says who may read, `reader` in
which language and on whose clocks, `overview` and `ruling` put answers into words, `rendering` into
HTML, and `site` serves them.
"""
