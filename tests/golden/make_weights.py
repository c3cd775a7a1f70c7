#!/usr/bin/env python3
"""Makes the files of tests/golden/weights, which the tests of core/weights read.

    python tests/golden/make_weights.py

Needs torch 2.13, numpy and safetensors. Values are such that the tests can say them again: floating-point tensors hold
0.5 * i - 3, whole numbers i, bools i % 3 == 0, for the i-th element in C order.
"""

import argparse
import collections
import io
import json
import pathlib
import pickle
import sys
import zipfile

import numpy as np
import safetensors.torch
import torch

OUT = pathlib.Path(__file__).parent / "weights"


def floats(*shape, dtype=torch.float32):
    n = int(np.prod(shape))
    return (torch.arange(n, dtype=torch.float32) * 0.5 - 3).reshape(shape).to(dtype)


def wholes(*shape, dtype=torch.int64):
    return torch.arange(int(np.prod(shape))).reshape(shape).to(dtype)


def state_dict():
    torch.manual_seed(0)
    model = torch.nn.Sequential(collections.OrderedDict(a=torch.nn.Linear(3, 2), norm=torch.nn.BatchNorm1d(2)))
    with torch.no_grad():
        model.a.weight.copy_(floats(2, 3))
        model.a.bias.copy_(floats(2))
    return model.state_dict()


class Config:
    """A class that the reader has never heard of."""

    def __init__(self):
        self.width, self.name = 3, "tiny"


class Evil:
    """Unpickled by Python, this would run a command."""

    def __reduce__(self):
        import os

        return os.system, ("touch /tmp/sememe-was-here",)


class Bag(dict):
    pass


class Marked(torch.Tensor):
    pass


def torch_files():
    t = floats(4, 6)
    attributed = floats(2, 2)
    attributed.note = "kept by torch.save"
    dtypes = {
        str(d).removeprefix("torch."): floats(2, 3, dtype=d)
        for d in (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.complex64)
    }
    dtypes |= {
        str(d).removeprefix("torch."): wholes(2, 3, dtype=d)
        for d in (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)
    }
    dtypes["bool"] = wholes(2, 3) % 3 == 0
    young = {
        str(d).removeprefix("torch."): wholes(2, 3, dtype=d) for d in (torch.uint16, torch.uint32, torch.uint64)
    }
    young["float8_e4m3fn"] = floats(2, 3, dtype=torch.float8_e4m3fn)
    plain = {
        "none": None,
        "yes": True,
        "no": False,
        "int": 7,
        "negative": -70000,
        "wide": 1 << 40,
        "wider": 1 << 70,
        "float": 0.1,
        "text": "Größe ★",
        "bytes": bytes(range(256)),
        "list": [1, [2, "x"], ()],
        "tuple": (1, 2),
        5: "five",
        "ordered": collections.OrderedDict(b=1, a=2),
        "default": collections.defaultdict(list, x=[1]),
    }
    files = {
        "tensor": floats(3, 4),
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 5),
        "parameter": torch.nn.Parameter(floats(3, 4)),
        "dtypes": dtypes,
        "young_dtypes": young,
        "state_dict": state_dict(),
        "nested": {"cfg": {"lr": 1e-4, "layers": [1, 2]}, "state_dict": state_dict(), "step": 10},
        "shared": {"whole": t, "rows": t[1:3], "turned": t.t(), "every_second": t[:, ::2], "wide": t[0, 0].expand(3, 2)},
        "plain": plain,
        "numpy": {
            "f4": np.arange(6, dtype=np.float32).reshape(2, 3) * 0.5 - 3,
            "fortran": np.asfortranarray(np.arange(6, dtype=np.float64).reshape(2, 3) * 0.5 - 3),
            "i8": np.arange(6),
            "bool": np.arange(6) % 3 == 0,
            "scalar": np.float32(0.5),
            "count": np.int64(3),
            "flag": np.bool_(True),
            "text": np.array(["a", "b"]),
        },
        "opaque": {
            "config": Config(),
            "dtype": torch.bfloat16,
            "device": torch.device("cpu"),
            "size": torch.Size([2, 3]),
            "set": {1},
            "namespace": argparse.Namespace(lr=0.5),
            "bag": Bag(x=1),
            "evil": Evil(),
            "tensor": floats(2, 2),
        },
        "subclass": {"attributed": attributed, "marked": floats(2, 2).as_subclass(Marked)},
    }
    for name, value in files.items():
        torch.save(value, OUT / f"{name}.pt")
        torch.save(value, OUT / f"{name}.legacy.pt", _use_new_zipfile_serialization=False)
    for protocol in (1, 3, 4, 5):
        value = {"state_dict": state_dict(), "numpy": files["numpy"], "plain": plain}
        torch.save(value, OUT / f"protocol{protocol}.pt", pickle_protocol=protocol)

    # The old format's views of storages, as PyTorch before 0.4 wrote them.
    buffer = io.BytesIO()
    for header in (0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}):
        pickle.dump(header, buffer, protocol=2)
    buffer.write(
        b"\x80\x02ctorch._utils\n_rebuild_tensor\n("
        b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0aX\x03\0\0\0cpuK\x06X\x01\0\0\0vK\x02K\x04\x87tQ"
        b"K\x01K\x03\x85K\x01\x85tR."
    )
    pickle.dump(["a"], buffer, protocol=2)
    buffer.write((6).to_bytes(8, "little") + floats(6).numpy().tobytes())
    (OUT / "storage_view.legacy.pt").write_bytes(buffer.getvalue())

    # A line of JSON before the archive.
    (OUT / "after_a_line.pt").write_bytes(b'{"schema": 2}\n' + (OUT / "state_dict.pt").read_bytes())

    with zipfile.ZipFile(OUT / "tensor.pt") as source:
        entries = [(info.filename, source.read(info)) for info in source.infolist()]
    for name, method, order in (("compressed", zipfile.ZIP_DEFLATED, b"little"), ("big_endian", zipfile.ZIP_STORED, b"big")):
        with zipfile.ZipFile(OUT / f"{name}.pt", "w", method) as target:
            for entry, data in entries:
                target.writestr(entry, order if entry.endswith("/byteorder") else data)
    with zipfile.ZipFile(OUT / "torchscript.pt", "w") as target:
        for entry in ("x/data.pkl", "x/constants.pkl"):
            target.writestr(entry, pickle.dumps(None, protocol=2))


def npy_files():
    f = np.arange(12, dtype=np.float32).reshape(3, 4) * 0.5 - 3
    arrays = {
        "c_f4": f,
        "fortran_f8": np.asfortranarray(f.astype(np.float64)),
        "big_endian": f.astype(">f4"),
        "f2": f.astype(np.float16),
        "i8": np.arange(12).reshape(3, 4),
        "u2": np.arange(12, dtype=np.uint16).reshape(3, 4),
        "bool": (np.arange(12) % 3 == 0).reshape(3, 4),
        "scalar": np.array(2.5),
        "one": np.arange(5, dtype=np.int32),
        "empty": np.zeros((0, 4), np.float32),
        "c16": np.arange(3) * (1 + 1j),
        "text": np.array(["a", "bc"]),
        "records": np.zeros(2, dtype=[("a", "<f4"), ("b", "<i4")]),
    }
    for name, array in arrays.items():
        np.save(OUT / f"{name}.npy", array)
    np.save(OUT / "objects.npy", np.array([{}, None], dtype=object))
    for version in ((2, 0), (3, 0)):
        with open(OUT / f"version{version[0]}.npy", "wb") as file:
            np.lib.format.write_array(file, f, version=version)


def safetensors_files():
    tensors = {
        str(d).removeprefix("torch."): floats(2, 3, dtype=d)
        for d in (torch.float32, torch.float64, torch.float16, torch.bfloat16)
    }
    tensors |= {
        str(d).removeprefix("torch."): wholes(2, 3, dtype=d)
        for d in (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)
    }
    tensors["bool"] = wholes(2, 3) % 3 == 0
    tensors["scalar"] = torch.tensor(2.5)
    tensors["empty"] = torch.zeros(0, 5)
    safetensors.torch.save_file(tensors, OUT / "dtypes.safetensors", metadata={"format": "pt", "größe": "★"})


if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    sys.modules["foreign"] = sys.modules["__main__"]
    for cls in (Config, Bag, Marked):
        cls.__module__ = "foreign"
    torch_files()
    npy_files()
    safetensors_files()
    print(json.dumps({"files": len(list(OUT.iterdir())), "bytes": sum(f.stat().st_size for f in OUT.iterdir())}))
