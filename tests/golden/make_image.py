"""Makes tests/golden/image: small image files, and what Pillow and Hugging Face's image processors make of them.

Run from the repository root, in a Python with pillow, numpy and transformers (made with 13.0, 2.5 and 5.23):

    python tests/golden/make_image.py

decode.txt         lines "FILE TOLERANCE"; FILE.ppm holds exif_transpose(open(FILE)).convert("RGB")
resize.txt         lines "WIDTH HEIGHT FILTER FILE": resize.ppm resized by Pillow
preprocess.txt     lines "FOLDER IMAGE HEIGHT WIDTH FILE": float32 [3, H, W] of the processor's PIL form
"""

import io
import json
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

OUT = Path(__file__).parent / "image"
W, H = 37, 23
decoded = []


def picture(width=W, height=H, seed=1):
    """A smooth picture with some noise: nothing in it is symmetric."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    rgb = np.stack([255 * x / width, 255 * y / height, 127 + 120 * np.sin(x / 5 + y / 3)], -1)
    return np.clip(rgb + rng.normal(0, 6, rgb.shape), 0, 255).astype(np.uint8)


def ppm(path, rgb):
    path.write_bytes(b"P6\n%d %d\n255\n" % (rgb.shape[1], rgb.shape[0]) + rgb.tobytes())


def add(name, data, tolerance, expected=None):
    """Keeps the file and Pillow's reading of it (or `expected`, where we knowingly differ)."""
    (OUT / name).write_bytes(data)
    if expected is None:
        image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
        expected = np.array(image.convert("RGB"))
    ppm(OUT / (name + ".ppm"), expected)
    decoded.append(f"{name} {tolerance}")


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def exif(orientation, endian="<"):
    image_exif = Image.Exif()
    image_exif.endian = endian
    image_exif[0x0112] = orientation
    image_exif[0x010E] = "a description before the orientation, in the same directory"
    return image_exif.tobytes()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(header, raw, extra=b"", after=b""):
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(raw)) + after + chunk(b"IEND", b"")


def adam7(rgb):
    raw = b""
    for x0, y0, dx, dy in [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]:
        for row in rgb[y0::dy, x0::dx]:
            if row.size:
                raw += b"\0" + row.tobytes()
    return raw


def bmp(width, height, bits, compression, pixels, extra=b"", colours=0):
    start = 14 + 40 + len(extra)
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(pixels), 2835, 2835, colours, 0)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + header + extra + pixels


def tiff(rows, bits, photometric, samples, extra=(), endian="<"):
    """One uncompressed strip; `extra` are (tag, type, count, packed 4 bytes)."""
    data = rows.tobytes()
    entries = [(256, 4, 1, struct.pack(endian + "I", rows.shape[1])), (257, 4, 1, struct.pack(endian + "I", rows.shape[0])),
               (259, 3, 1, struct.pack(endian + "HH", 1, 0)), (262, 3, 1, struct.pack(endian + "HH", photometric, 0)),
               (277, 3, 1, struct.pack(endian + "HH", samples, 0)), (278, 4, 1, struct.pack(endian + "I", rows.shape[0])),
               (279, 4, 1, struct.pack(endian + "I", len(data))), *extra]
    count = len(entries) + 2
    after = 8 + 2 + 12 * count + 4
    entries.append((258, 3, samples, struct.pack(endian + "I", after) if samples > 2 else struct.pack(endian + "HH", bits, bits)))
    entries.append((273, 4, 1, struct.pack(endian + "I", after + 2 * samples)))
    entries.sort()
    out = (b"II*\0" if endian == "<" else b"MM\0*") + struct.pack(endian + "IH", 8, count)
    for tag, kind, n, value in entries:
        out += struct.pack(endian + "HHI", tag, kind, n) + value
    return out + struct.pack(endian + "I", 0) + struct.pack(endian + f"{samples}H", *[bits] * samples) + data


def make_jpeg(image):
    add("rgb 444.jpg", saved(image, "JPEG", quality=92, subsampling=0), 2)
    add("rgb_422.jpg", saved(image, "JPEG", quality=92, subsampling=1), 2)
    add("rgb_420.jpg", saved(image, "JPEG", quality=90, subsampling=2), 2)
    add("progressive.jpg", saved(image, "JPEG", quality=90, progressive=True), 2)
    add("grey.jpg", saved(image.convert("L"), "JPEG", quality=90), 2)
    add("really_rgb.jpg", saved(image, "JPEG", quality=92, keep_rgb=True), 2)
    cmyk = saved(image.convert("CMYK"), "JPEG", quality=95)
    add("cmyk.jpg", cmyk, 2)
    adobe = cmyk.index(b"Adobe")
    add("ycck.jpg", cmyk[: adobe + 11] + b"\x02" + cmyk[adobe + 12 :], 2)
    for orientation in range(1, 9):
        endian = "<" if orientation % 2 else ">"
        add(f"exif_{orientation}.jpg", saved(image, "JPEG", quality=90, exif=exif(orientation, endian)), 2)
    xmp = b'http://ns.adobe.com/xap/1.0/\0<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    plain = saved(image, "JPEG", quality=90)
    add("xmp_6.jpg", plain[:2] + b"\xff\xe1" + struct.pack(">H", len(xmp) + 2) + xmp + plain[2:], 2)


def make_png(image, rgb):
    rng = np.random.default_rng(2)
    alpha = rng.integers(0, 256, (H, W, 1), dtype=np.uint8)
    rgba = Image.fromarray(np.concatenate([rgb, alpha], -1))
    add("rgb.png", saved(image, "PNG"), 0)
    add("rgba.png", saved(rgba, "PNG"), 0)
    add("grey_alpha.png", saved(rgba.convert("LA"), "PNG"), 0)
    add("grey.png", saved(image.convert("L"), "PNG"), 0)
    add("bits.png", saved(image.convert("1"), "PNG"), 0)
    palette = image.quantize(13)
    add("palette.png", saved(palette, "PNG"), 0)
    add("palette_alpha.png", saved(palette, "PNG", transparency=3), 0)
    add("exif_6.png", saved(image, "PNG", exif=exif(6)), 0)
    wide = rng.integers(0, 65536, (H, W, 3), dtype=np.uint16).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in wide)
    add("rgb_16.png", png(struct.pack(">IIBBBBB", W, H, 16, 2, 0, 0, 0), rows), 0)
    grey = wide[..., 0]
    rows = b"".join(b"\0" + row.tobytes() for row in grey)
    high = (grey.astype(np.uint32) >> 8).astype(np.uint8)
    add("grey_16.png", png(struct.pack(">IIBBBBB", W, H, 16, 0, 0, 0, 0), rows), 0, np.stack([high] * 3, -1))
    add("interlaced.png", png(struct.pack(">IIBBBBB", W, H, 8, 2, 0, 0, 1), adam7(rgb)), 0)
    return rgba


def make_webp(image, rgba):
    add("lossy.webp", saved(image, "WEBP", quality=85), 2)
    add("lossy_alpha.webp", saved(rgba, "WEBP", quality=85), 2)
    add("lossless.webp", saved(image, "WEBP", lossless=True, exact=True), 0)
    add("lossless_alpha.webp", saved(rgba, "WEBP", lossless=True, exact=True), 0)
    add("exif_8.webp", saved(image, "WEBP", lossless=True, exif=exif(8)), 0)
    second = Image.fromarray(picture(seed=5))
    add("animated.webp", saved(image, "WEBP", save_all=True, append_images=[second], lossless=True), 0)


def make_bmp(image, rgb):
    add("rgb.bmp", saved(image, "BMP"), 0)
    add("palette.bmp", saved(image.quantize(200), "BMP"), 0)
    add("bits.bmp", saved(image.convert("1"), "BMP"), 0)
    add("rgba.bmp", saved(image.convert("RGBA"), "BMP"), 0)
    r, g, b = (rgb[::-1, :, c].astype(np.uint32) for c in range(3))
    pad = ((0, 0), (0, W % 2))
    small = np.pad(((r >> 3) << 11 | (g >> 2) << 5 | b >> 3).astype("<u2"), pad)
    add("565.bmp", bmp(W, H, 16, 3, small.tobytes(), struct.pack("<III", 0xF800, 0x07E0, 0x001F)), 0)
    small = np.pad(((r >> 3) << 10 | (g >> 3) << 5 | b >> 3).astype("<u2"), pad)
    add("555.bmp", bmp(W, H, 16, 0, small.tobytes()), 0)
    rows = np.pad(rgb[:, :, ::-1].reshape(H, -1), ((0, 0), (0, -3 * W % 4)))
    add("top_down.bmp", bmp(W, -H, 24, 0, rows.tobytes()), 0)
    colours = np.random.default_rng(3).integers(0, 256, (16, 4), dtype=np.uint8).tobytes()
    # Runs, an absolute stretch of odd length, a jump, the ends of lines, then the end.
    eight = b"\x05\x03\x00\x05\x01\x02\x03\x04\x05\x00\x06\x07\x00\x00\x10\x09\x00\x00\x00\x02\x02\x01\x0e\x0a\x00\x00" + b"\x10\x0b\x00\x00" * 4
    add("rle8.bmp", bmp(16, 8, 8, 1, eight + b"\x00\x01", colours, 16), 0)
    four = b"\x05\x34\x00\x05\x12\x34\x50\x00\x06\x78\x00\x00" + b"\x10\x9a\x00\x00" * 7
    add("rle4.bmp", bmp(16, 8, 4, 2, four + b"\x00\x01", colours, 16), 0)
    add("four_bits.bmp", bmp(16, 2, 4, 0, bytes(range(16)), colours, 16), 0)


def make_tiff(image, rgba):
    rgb = np.array(image)
    add("rgb.tif", saved(image, "TIFF"), 0)
    add("lzw.tif", saved(image, "TIFF", compression="tiff_lzw"), 0)
    add("deflate.tiff", saved(image, "TIFF", compression="tiff_adobe_deflate"), 0)
    add("packbits.tif", saved(image, "TIFF", compression="packbits"), 0)
    add("grey.tif", saved(image.convert("L"), "TIFF"), 0)
    add("palette.tif", saved(image.quantize(100), "TIFF"), 0)
    add("fax.tif", saved(image.convert("1"), "TIFF", compression="group4"), 0)
    add("rgba.tif", saved(rgba, "TIFF"), 0)
    add("rgba_lzw.tif", saved(rgba, "TIFF", compression="tiff_lzw"), 0)
    add("cmyk.tif", saved(image.convert("CMYK"), "TIFF"), 2)
    wide = np.random.default_rng(4).integers(0, 65536, (H, W, 3), dtype=np.uint16)
    high = (wide >> 8).astype(np.uint8)
    add("rgb_16.tif", tiff(wide.astype("<u2"), 16, 2, 3), 0)
    add("big_endian_16.tif", tiff(wide.astype(">u2"), 16, 2, 3, endian=">"), 0, high)
    add("grey_16.tif", tiff(wide[..., 0].astype("<u2"), 16, 1, 1), 0, np.stack([high[..., 0]] * 3, -1))
    for orientation in range(1, 9):
        extra = [(274, 3, 1, struct.pack("<HH", orientation, 0))]
        add(f"orientation_{orientation}.tif", tiff(rgb, 8, 2, 3, extra), 0)


def make_pnm(image, rgb):
    plain = " ".join(str(v) for v in rgb.ravel())
    add("plain.ppm", f"P3 # a remark\n{W} {H}\n# another\n255\n{plain}\n".encode(), 0)
    add("rgb.ppm", saved(image, "PPM"), 0)
    add("grey.pgm", saved(image.convert("L"), "PPM"), 0)
    hundred = (rgb.astype(np.uint32) * 100 // 255).astype(np.uint8)
    add("hundred.ppm", b"P6\n%d %d\n100\n" % (W, H) + hundred.tobytes(), 0)
    wide = np.random.default_rng(6).integers(0, 1001, (H, W, 3)).astype(">u2")
    add("thousand.ppm", b"P6\n%d %d\n1000\n" % (W, H) + wide.tobytes(), 0)
    bits = np.random.default_rng(7).integers(0, 2, (H, W))
    add("plain_bits.ppm", f"P1\n{W} {H}\n".encode() + "\n".join("".join(map(str, row)) for row in bits).encode(), 0)
    add("bits.ppm", b"P4\n%d %d\n" % (W, H) + np.packbits(bits.astype(np.uint8), axis=1).tobytes(), 0)


def make_resize():
    rng = np.random.default_rng(8)
    rgb = np.where(rng.random((29, 61, 3)) < 0.5, picture(61, 29), rng.choice([0, 255], (29, 61, 3))).astype(np.uint8)
    ppm(OUT / "resize.ppm", rgb)
    lines = []
    for filter in range(6):
        for width, height in [(24, 24), (90, 9), (61, 40), (7, 29), (70, 50)]:
            name = f"resize_{width}x{height}_{filter}.ppm"
            resized = Image.fromarray(rgb).resize((width, height), resample=filter)
            ppm(OUT / name, np.array(resized))
            lines.append(f"{width} {height} {filter} {name}")
    (OUT / "resize.txt").write_text("\n".join(lines) + "\n")


def make_preprocess():
    sizes = {"odd.png": (61, 37), "tall.png": (33, 95), "tiny.png": (9, 7), "square.png": (26, 26)}
    for name, (width, height) in sizes.items():
        Image.fromarray(picture(width, height, seed=9)).save(OUT / name)
    clip, bit, siglip = CLIPImageProcessorPil, BitImageProcessorPil, SiglipImageProcessorPil
    small = {"size": 24, "crop_size": 24}
    folders = {
        # The oldest form: numbers, and the feature extractor's name.
        "clip_old": (clip, {"feature_extractor_type": "CLIPFeatureExtractor", "do_resize": True, "do_center_crop": True,
                            "do_normalize": True, "resample": 3, **small}),
        "clip_new": (clip, {"image_processor_type": "CLIPImageProcessor", "do_convert_rgb": True, "do_rescale": True,
                            "rescale_factor": 0.00392156862745098, "size": {"shortest_edge": 24},
                            "crop_size": {"height": 24, "width": 24}, "resample": 3}),
        "clip_fast": (clip, {"image_processor_type": "CLIPImageProcessorFast", "size": {"shortest_edge": 25},
                             "crop_size": {"height": 20, "width": 23}, "do_resize": None, "resample": 2}),
        "dinov2": (bit, {"image_processor_type": "BitImageProcessor", "size": {"shortest_edge": 27},
                         "crop_size": {"height": 24, "width": 24}, "image_mean": [0.485, 0.456, 0.406],
                         "image_std": [0.229, 0.224, 0.225], "resample": 3}),
        "siglip": (siglip, {"image_processor_type": "SiglipImageProcessor", "size": {"height": 24, "width": 20},
                            "do_center_crop": None, "crop_size": None, "resample": 3}),
        # Crops larger than the image: black pixels fill up, the odd one in front.
        "padded": (clip, {"image_processor_type": "CLIPImageProcessor", "do_resize": False,
                          "crop_size": {"height": 40, "width": 38}}),
        "plain": (clip, {"image_processor_type": "CLIPImageProcessor", "do_normalize": False, "resample": 1, **small}),
        "unscaled": (clip, {"image_processor_type": "CLIPImageProcessor", "do_rescale": False, "resample": 0, **small,
                            "image_mean": [100, 110, 120.5], "image_std": [3, 4, 5]}),
    }
    lines = []
    for folder, (kind, config) in folders.items():
        (OUT / folder).mkdir(exist_ok=True)
        if folder == "dinov2":  # the newest form nests it
            (OUT / folder / "processor_config.json").write_text(json.dumps({"image_processor": config}, indent=1) + "\n")
        else:
            (OUT / folder / "preprocessor_config.json").write_text(json.dumps(config, indent=1) + "\n")
        processor = kind(**{k: v for k, v in config.items() if not k.endswith("_type")})
        for image in sizes:
            pixels = processor(Image.open(OUT / image).convert("RGB"), return_tensors="np")["pixel_values"][0]
            name = f"{folder}/{image}.f32"
            (OUT / name).write_bytes(pixels.astype("<f4").tobytes())
            lines.append(f"{folder} {image} {pixels.shape[1]} {pixels.shape[2]} {name}")
    (OUT / "preprocess.txt").write_text("\n".join(lines) + "\n")


def main():
    OUT.mkdir(exist_ok=True)
    rgb = picture()
    image = Image.fromarray(rgb)
    make_jpeg(image)
    rgba = make_png(image, rgb)
    make_webp(image, rgba)
    make_bmp(image, rgb)
    make_tiff(image, rgba)
    make_pnm(image, rgb)
    (OUT / "decode.txt").write_text("\n".join(decoded) + "\n")
    make_resize()
    make_preprocess()


main()
