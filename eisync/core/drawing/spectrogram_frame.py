"""Draw the axes of a spectrogram as SVG, around the picture that another address sends."""

from html import escape

from eisync.core.drawing.scale import Scale, figure, time_unit

_WIDTH, _HEIGHT = 1_000, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 12, 26, 44


def spectrogram_svg(address: str, *, length_s: float, rate: float, key: str = "spectrogram") -> str:
    """Return the SVG. `address` is that of the picture, `rate` the sampling rate (Hz). `key` begins the ids in it."""
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    factor, unit = time_unit(length_s)
    highest = rate / 2
    by, frequency_unit = (0.001, "kHz") if highest >= 2000 else (1.0, "Hz")
    summary = (
        f"Spectrogram over {figure(length_s * factor)} {unit}, from 0 to {figure(highest * by)} {frequency_unit}. "
        "Light is loud."
    )
    parts = [
        f'<svg class="figure" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-labelledby="{key}-title {key}-desc">'
        f'<title id="{key}-title">Spectrogram</title><desc id="{key}-desc">{summary}</desc>'
        f'<image href="{escape(address)}" x="{_LEFT}" y="{_TOP}" width="{right - _LEFT}" height="{bottom - _TOP}" '
        'preserveAspectRatio="none"/>'
        f'<text class="unit" x="{_LEFT}" y="{_TOP - 7}">{frequency_unit}</text>'
        f'<text class="unit" x="{(_LEFT + right) / 2:.0f}" y="{bottom + 37}" text-anchor="middle">time ({unit})</text>'
    ]
    scale = Scale(0.0, highest * by, bottom, _TOP)
    for tick in scale.ticks(5):
        y = scale.at(tick) + 5
        parts.append(f'<text class="tick" x="{_LEFT - 8}" y="{y:.1f}" text-anchor="end">{figure(tick)}</text>')
    scale = Scale(0.0, length_s * factor, _LEFT, right)
    for tick in scale.ticks(8):
        x = scale.at(tick)
        parts.append(f'<text class="tick" x="{x:.1f}" y="{bottom + 17}" text-anchor="middle">{figure(tick)}</text>')
    return "".join([*parts, "</svg>"])
