"""The interagency MOU and care-coordination hub for California's counties and Medi-Cal managed care plans."""

__version__ = "0.1.0"
