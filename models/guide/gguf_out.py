"""Writes GGUF version 3, and rounds matrices to Q8_0. numpy only."""
import struct

import numpy as np

F32, Q8_0, ALIGNMENT = 0, 8, 32
U32, F32_VALUE, BOOL, STRING, ARRAY, I32 = 4, 6, 7, 8, 9, 5


def quantise(matrix):
    """float32 [rows, columns] -> (bytes of Q8_0 blocks, the float32 matrix that they stand for); 32 | columns.
    A block is an f16 scale and 32 int8."""
    rows, columns = matrix.shape
    x = np.ascontiguousarray(matrix, np.float32).reshape(rows * columns // 32, 32)
    scale = (np.abs(x).max(axis=1, keepdims=True) / 127).astype(np.float16)
    wide = scale.astype(np.float32)
    q = np.divide(x, wide, out=np.zeros_like(x), where=wide > 0)
    q = np.clip(np.round(q), -127, 127).astype(np.int8)
    blocks = np.empty((len(x), 34), np.uint8)
    blocks[:, :2] = scale.view(np.uint8)
    blocks[:, 2:] = q.view(np.uint8)
    return blocks.tobytes(), (q.astype(np.float32) * wide).reshape(rows, columns)


def _string(s):
    raw = s.encode("utf-8")
    return struct.pack("<Q", len(raw)) + raw


def _value(value):
    """(type, bytes) of one metadata value; ints are u32, lists are of strings or of i32."""
    if isinstance(value, bool):
        return BOOL, struct.pack("<B", value)
    if isinstance(value, int):
        return U32, struct.pack("<I", value)
    if isinstance(value, float):
        return F32_VALUE, struct.pack("<f", value)
    if isinstance(value, str):
        return STRING, _string(value)
    if isinstance(value[0], str):
        return ARRAY, struct.pack("<IQ", STRING, len(value)) + b"".join(map(_string, value))
    return ARRAY, struct.pack("<IQ", I32, len(value)) + np.asarray(value, np.int32).tobytes()


def write(path, metadata, tensors):
    """tensors: name -> float32 array; matrices become Q8_0, vectors stay F32. Returns the number of bytes."""
    out = bytearray(b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata)))
    for key, value in metadata.items():
        kind, raw = _value(value)
        out += _string(key) + struct.pack("<I", kind) + raw
    offset, payload = 0, []
    for name, array in tensors.items():
        kind, raw = (Q8_0, quantise(array)[0]) if array.ndim == 2 else (F32, array.astype(np.float32).tobytes())
        out += _string(name) + struct.pack("<I", array.ndim)
        out += b"".join(struct.pack("<Q", n) for n in reversed(array.shape))
        out += struct.pack("<IQ", kind, offset)
        raw += b"\0" * (-len(raw) % ALIGNMENT)
        offset += len(raw)
        payload.append(raw)
    out += b"\0" * (-len(out) % ALIGNMENT) + b"".join(payload)
    with open(path, "wb") as f:
        f.write(out)
    return len(out)
