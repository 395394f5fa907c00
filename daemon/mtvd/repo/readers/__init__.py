"""Readers of files: FITS images and exposures, catalogs, parquet. The only importers of astropy and fitsio."""
