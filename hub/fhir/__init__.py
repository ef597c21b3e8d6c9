"""The FHIR kit: read, search, write, history, Bundle and CapabilityStatement over descriptions of resource types.

Knows no feature. `description.py` is what a feature writes, `wiring.py` what `hub.app` hands in, `router.py` the
endpoint.
"""
