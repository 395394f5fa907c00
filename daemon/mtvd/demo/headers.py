"""Headers of a visit: the cards of afw's VisitInfo, and those of a raw file of the telescope."""

from __future__ import annotations

import numpy as np
from astropy.time import Time, TimeDelta

from mtvd.demo.optics import Card, Optics
from mtvd.demo.plan import FIELD_NAME, GAIN_ELECTRONS_PER_COUNT, INSTRUMENT, Visit

SUBARU_LON_DEG = -155.476667
SUBARU_LAT_DEG = 19.825556
SUBARU_ELEVATION_M = 4139.0


def exposure_id(visit: Visit, detector: int) -> int:
    """Return the number of one detector's exposure, as HSC counts: visit * 200 + detector."""
    return visit.id * 200 + detector


def middle_tai(visit: Visit) -> str:
    """Return the ISO time of the middle of the exposure."""
    half = TimeDelta(visit.exposure_secs / 2, format="sec")
    return str((Time(visit.begin_tai, scale="tai", precision=9) + half).isot)


def visit_info_cards(visit: Visit, detector: int, optics: Optics) -> list[Card]:
    """Return the cards of the primary HDU of a calibrated exposure."""
    return [
        ("EXPID", exposure_id(visit, detector), ""),
        ("EXPTIME", visit.exposure_secs, ""),
        ("DARKTIME", visit.exposure_secs, ""),
        ("DATE-AVG", middle_tai(visit), "TAI date at middle of observation"),
        ("TIMESYS", "TAI", ""),
        ("BORE-RA", optics.ra_deg, ""),
        ("BORE-DEC", optics.dec_deg, ""),
        ("BORE-AZ", 180.0, ""),
        ("BORE-ALT", altitude_deg(visit), ""),
        ("BORE-AIRMASS", visit.airmass, ""),
        ("BORE-ROTANG", visit.rotation_deg % 360, ""),
        ("ROTTYPE", "SKY", "Type of rotation angle"),
        ("OBS-LONG", SUBARU_LON_DEG, ""),
        ("OBS-LAT", SUBARU_LAT_DEG, ""),
        ("OBS-ELEV", SUBARU_ELEVATION_M, ""),
        ("INSTRUMENT", INSTRUMENT, ""),
        ("IDNUM", visit.id, ""),
        ("OBSTYPE", "science", ""),
        ("PROGRAM", "demo", ""),
        ("OBJECT", FIELD_NAME, ""),
        ("HAS-SIMULATED-CONTENT", True, "drawn, not observed"),
        ("FILTER", visit.physical_filter, "Name of the filter"),
        ("DET-ID", detector, "Number of the detector"),
        ("T_CCDID", detector, "Number of the detector"),
        ("GAINEFF", GAIN_ELECTRONS_PER_COUNT, "electrons per count"),
        ("SEEING", visit.fwhm_arcsec, "full width at half maximum, arcsec"),
        ("ORIGIN", "mtv demo repository", ""),
    ]


def altitude_deg(visit: Visit) -> float:
    """Return the height above the horizon that goes with the airmass."""
    return float(np.degrees(np.arcsin(1 / visit.airmass)))


def raw_cards(visit: Visit, detector: int, optics: Optics, binning: int) -> list[Card]:
    """Return the cards of a raw file; its pixels are sums of ``binning`` squared pixels of the detector."""
    return [
        ("TELESCOP", "Subaru", ""),
        ("INSTRUME", "Hyper Suprime-Cam", ""),
        ("OBJECT", FIELD_NAME, ""),
        ("DATA-TYP", "OBJECT", ""),
        ("EXP-ID", f"HSCE{visit.id:08d}", ""),
        ("FRAMEID", f"HSCA{visit.id:06d}{detector:02d}", ""),
        ("DET-ID", detector, "Number of the detector"),
        ("FILTER01", visit.physical_filter, ""),
        ("EXPTIME", visit.exposure_secs, "seconds"),
        ("DATE-OBS", visit.begin_tai[:10], ""),
        ("AIRMASS", visit.airmass, ""),
        ("RA2000", optics.ra_deg, "boresight, deg"),
        ("DEC2000", optics.dec_deg, "boresight, deg"),
        ("BIN-FCT1", binning, "pixels of the detector in one of these, x"),
        ("BIN-FCT2", binning, "pixels of the detector in one of these, y"),
        ("GAIN", GAIN_ELECTRONS_PER_COUNT, "electrons per count"),
        ("SIMULATE", True, "drawn, not observed"),
        ("ORIGIN", "mtv demo repository", ""),
    ]
