"""Sources: an adapter per provider, each the only one who knows that provider's ways.

An adapter asks (`http`), reads strictly (`numbers`) and returns what was published in the
provider's own unit. It decides nothing: what became known when, whether a figure is a
revision and whether it is plausible is the polling's business.
"""
