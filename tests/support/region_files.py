"""Region files with every shape and system, and the field that they lie in."""

from __future__ import annotations

import math

XY0 = (40, 50)
NX, NY = 400, 300
TURN = math.radians(33)
WCS = {
    "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 150.0, "CRVAL2": 30.0, "CRPIX1": 201.0, "CRPIX2": 151.0,
    "CD1_1": -5e-5 * math.cos(TURN), "CD1_2": 5e-5 * math.sin(TURN),
    "CD2_1": 5e-5 * math.sin(TURN), "CD2_2": 5e-5 * math.cos(TURN), "RADESYS": "ICRS",
}  # fmt: skip
"""WCS of a field that is turned by 33 degrees."""

PIXELS = """# Region file format: DS9 version 4.1
global color=cyan dashlist=8 3 width=1 font="helvetica 10 normal roman" select=1 dash=0 include=1 source=1
physical
circle(110.25,120.5,5.75) # color=#ff0000 width=2 dash=1 text={a ; label}
ellipse(130,120,5,8,30)
box(150,120,5.5,8,30.125)
polygon(100,100,110,100,105,110,101.5,107)
line(200,100,220,120) # line=1 0
# vector(210,100,20,45) vector=1
annulus(250,110,5,8,12)
ellipse(270,110,5,8,7,12,30)
box(290,110,5,8,7,12,30)
point(110,210) # point=cross 15
# text(130,210) text={hi "there"} font="helvetica 14 normal roman" textangle=30
# segment(150,200,160,200,155,210)
-circle(180,230,4)
annulus(300,200,4,16,n=3)
circle(110,240,5")
box(150,240,0.001d,0.002d,30)
circle(200.5p,201.5p,5i)
image; circle(30,40,5) # color=red; box(60 40 5 6 0.5r)
"""
SKY = """fk5
circle(10:00:01,+30:00:02,5")
circle(10h00m01s,+30d00m12s,0.1')
box(150.001,30.001,5",8",30)
# vector(150.001,30.001,8",30) vector=1
line(150.001,30.001,150.002,30.003)
# text(150,30) text={x}
ellipse(150.001,30.001,5",8",30)
annulus(150.001,30.001,5",8")
polygon(150.001,30.001,150.002,30.003,150.004,30.001)
-point(150.001,30.001) # point=x
circle(150.001,30.001,8p)
icrs
ellipse(149.999,29.999,0.002,0.001,15)
galactic
circle(198.1418,52.4677,5")
box(198.1406,52.4650,5",8",30)
fk4
circle(9:57:04.5,+30:14:26,5")
ecliptic
box(143.4,16.9,5",8",30)
"""


def _cards() -> str:
    texts = {key: f"{value!r:<20}" if isinstance(value, str) else f"{value:20.12E}" for key, value in WCS.items()}
    cards = (f"{key:<8}= {text}" for key, text in texts.items())
    return "".join(card.ljust(80) for card in cards)


CARDS = _cards()
