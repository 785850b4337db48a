"""Writes small GGUF v3 files of float32 tensors, from the format's published description."""
import struct

_I32, _U32, _F32, _BOOL, _STRING, _ARRAY = 5, 4, 6, 7, 8, 9
_ALIGNMENT = 32


def _text(value):
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def _kind(value):
    if isinstance(value, bool):
        return _BOOL
    if isinstance(value, int):
        return _U32 if value >= 0 else _I32
    return {float: _F32, str: _STRING, list: _ARRAY}[type(value)]


def _payload(value):
    kind = _kind(value)
    if kind == _STRING:
        return _text(value)
    if kind == _ARRAY:
        return struct.pack("<IQ", _kind(value[0]), len(value)) + b"".join(_payload(item) for item in value)
    return struct.pack({_BOOL: "<?", _U32: "<I", _I32: "<i", _F32: "<f"}[kind], value)


def _shape(values):
    shape = []
    while isinstance(values, list):
        shape.append(len(values))
        values = values[0]
    return shape


def _flat(values):
    return [x for part in values for x in _flat(part)] if isinstance(values[0], list) else values


def write(path, metadata, tensors):
    """metadata: {key: bool, int, float, str or a list of one of them}; tensors: {name: nested lists, a row innermost}."""
    head = [b"GGUF", struct.pack("<IQQ", 3, len(tensors), len(metadata))]
    for key, value in metadata.items():
        head.append(_text(key) + struct.pack("<I", _kind(value)) + _payload(value))
    blobs, offset = [], 0
    for name, values in tensors.items():
        shape, flat = _shape(values), _flat(values)
        head.append(_text(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *reversed(shape)) +
                    struct.pack("<IQ", 0, offset))
        blob = struct.pack(f"<{len(flat)}f", *flat)
        blobs.append(blob + bytes(-len(blob) % _ALIGNMENT))
        offset += len(blobs[-1])
    head = b"".join(head)
    with open(path, "wb") as file:
        file.write(head + bytes(-len(head) % _ALIGNMENT) + b"".join(blobs))
