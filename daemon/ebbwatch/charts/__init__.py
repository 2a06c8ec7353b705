"""Charts: a PNG for messages, an SVG for pages.

The daemon imports `png` and `svg`, neither of which loads matplotlib: that happens in a
short-lived process (`worker`), whose memory is given back when the picture is drawn.
"""
