"""Track of the ship that takes the new cores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from pyproj import Geod

from pipeline.errors import SettingsError
from pipeline.geostatistics.ship_track import detour_km, shortest_track, track_km
from pipeline.units import METRES_PER_NAUTICAL_MILE

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from pipeline.config import NextCoreSettings, PlaceSettings

    Array = NDArray[np.float64]
    Mask = NDArray[np.bool_]

_GEOD = Geod(ellps="WGS84")
_HOURS_PER_DAY = 24.0


@dataclass(frozen=True)
class Voyage:
    """Round trip from a start to stations and back; legs are geodesics.

    Parameters
    ----------
    start : str
        ``port`` or ``island``.
    name : str
        Of the start; any text.
    longitude_deg, latitude_deg : float
        Of the start.
    settings : NextCoreSettings
    """

    start: str
    name: str
    longitude_deg: float
    latitude_deg: float
    settings: NextCoreSettings

    @classmethod
    def of(cls, place: PlaceSettings, settings: NextCoreSettings) -> Voyage | None:
        """Voyage under the settings; ``None`` where the start is not known.

        Raises
        ------
        SettingsError
            Its length is limited, and the start is not known.
        """
        start = settings.track_from
        longitude_deg, latitude_deg = getattr(place, f"{start}_longitude_deg"), getattr(place, f"{start}_latitude_deg")
        if longitude_deg is not None and latitude_deg is not None:
            return cls(start, getattr(place, f"{start}_name"), longitude_deg, latitude_deg, settings)
        if settings.max_track_km != "none":
            msg = (
                f"[next_cores] max_track_km is {settings.max_track_km:g}, but [place] has no {start} to start from: set {start}_longitude_deg and "
                f'{start}_latitude_deg, or max_track_km = "none".'
            )
            raise SettingsError(msg)
        return None

    def within(self, longitude_deg: Array, latitude_deg: Array) -> Callable[[list[int]], Mask]:
        """Which of some candidates may be added to those chosen (by number) without the track becoming too long."""
        everywhere = np.ones(len(longitude_deg), dtype=bool)
        if self.settings.max_track_km == "none":
            return lambda _chosen: everywhere
        limit_km = self.settings.max_track_km

        def may_follow(chosen: list[int]) -> Mask:
            distance_km = self._distance_km(longitude_deg[chosen], latitude_deg[chosen])
            order = shortest_track(distance_km)
            stops = zip([self.longitude_deg, *longitude_deg[chosen]], [self.latitude_deg, *latitude_deg[chosen]], strict=True)
            to_others_km = np.array([_apart_km(*stop, longitude_deg, latitude_deg) for stop in stops])
            # ASSUME: a station is taken only if it fits into the shortest track so far without moving the others: a little too strict.
            return np.asarray(track_km(distance_km, order) + detour_km(distance_km, order, to_others_km) <= limit_km)

        return may_follow

    def track(self, longitude_deg: Array, latitude_deg: Array) -> dict[str, Any]:
        """Shortest track through stations, in plain content: their ranks in the order sailed, its length, and how long it takes."""
        distance_km = self._distance_km(longitude_deg, latitude_deg)
        order = shortest_track(distance_km)
        stops = [0, *order, 0]
        length_km = track_km(distance_km, order)
        # ASSUME: one speed all the way, one time for every station, no weather, no spare time.
        sailing_days = length_km * 1000 / METRES_PER_NAUTICAL_MILE / self.settings.ship_speed_kn / _HOURS_PER_DAY
        station_days = len(order) * self.settings.station_hours / _HOURS_PER_DAY
        return {
            "start": self.start,
            "start_name": self.name,
            "start_longitude_deg": self.longitude_deg,
            "start_latitude_deg": self.latitude_deg,
            "ranks": order,
            "legs_km": [round(float(leg), 3) for leg in distance_km[stops[:-1], stops[1:]]],
            "track_km": length_km,
            "between_stations_km": float(distance_km[order[:-1], order[1:]].sum()),
            "sailing_days": sailing_days,
            "station_days": station_days,
            "days": sailing_days + station_days,
        }

    def _distance_km(self, longitude_deg: Array, latitude_deg: Array) -> Array:
        """(1 + stations, 1 + stations) km between the start and all stations."""
        longitudes, latitudes = np.concatenate([[self.longitude_deg], longitude_deg]), np.concatenate([[self.latitude_deg], latitude_deg])
        found = np.array([_apart_km(*stop, longitudes, latitudes) for stop in zip(longitudes, latitudes, strict=True)])
        return np.asarray((found + found.T) / 2)


def _apart_km(longitude_deg: float, latitude_deg: float, longitudes_deg: Array, latitudes_deg: Array) -> Array:
    """Kilometres along the geodesic from one place to others."""
    one = np.full(len(longitudes_deg), longitude_deg), np.full(len(longitudes_deg), latitude_deg)
    return np.asarray(_GEOD.inv(*one, longitudes_deg, latitudes_deg)[2]) / 1000
