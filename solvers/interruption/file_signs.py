"""What the first bytes of a file tell. Loads nothing, so that it may be asked before anything of the file is read."""

FIRST_LINE = "spotopt interruption model, format 1"
_FOREIGN = {
    b"\x80": "is a pickle, which could run anything when read",
    b"\x1f\x8b": "is compressed; give the text itself",
    b"PK": "is a zip archive; give the text itself",
    b"tree": "is a bare LightGBM model; 'spotopt model train' writes it with its calibration and contract",
}


def foreign(data: bytes) -> str:
    """Why a file cannot be a model, empty where it may be one."""
    for sign, what in _FOREIGN.items():
        if data.startswith(sign):
            return what
    return "" if data.startswith(FIRST_LINE.encode() + b"\n") else f"does not begin with {FIRST_LINE!r}"
