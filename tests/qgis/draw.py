"""What QGIS makes of an export, told as JSON, and a picture of the styled layers. Runs with the Python of the system: ``draw.py EXPORT PICTURE``."""

import json
import sys
from pathlib import Path

from qgis.core import QgsApplication, QgsMapRendererSequentialJob, QgsMapSettings, QgsRasterLayer, QgsVectorLayer
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor


def main(folder: Path, picture: Path) -> None:
    """Open everything, draw the grade of the first element under cores and next cores."""
    rasters = {path.stem: QgsRasterLayer(str(path), path.stem) for path in sorted((folder / "rasters").glob("*.tif"))}
    package = folder / "assessment.gpkg"
    whole = QgsVectorLayer(str(package), "all", "ogr")
    names = [part.split("!!::!!")[1] for part in whole.dataProvider().subLayers()]
    layers = {name: QgsVectorLayer(f"{package}|layername={name}", name, "ogr") for name in names if name != "layer_styles"}
    assert all(layer.isValid() for layer in [*rasters.values(), *layers.values()])
    grade = next(layer for name, layer in rasters.items() if name.startswith("grade_"))
    settings = QgsMapSettings()
    settings.setLayers([*(layers[name] for name in ("next_cores", "cores", "region") if name in layers), grade])
    settings.setDestinationCrs(grade.crs())
    extent = grade.extent()
    extent.scale(1.1)
    settings.setExtent(extent)
    settings.setOutputSize(QSize(1000, 800))
    settings.setBackgroundColor(QColor("white"))
    job = QgsMapRendererSequentialJob(settings)
    job.start()
    job.waitForFinished()
    image = job.renderedImage()
    image.save(str(picture))
    shader = grade.renderer().shader().rasterShaderFunction()
    told = {
        "rasters": {name: layer.renderer().type() for name, layer in rasters.items()},
        "layers": {name: layer.renderer().type() for name, layer in layers.items()},
        "suffix": shader.legendSettings().suffix(),
        "crs": grade.crs().description(),
        "cell_m": grade.rasterUnitsPerPixelX(),
        "colours": len({image.pixel(x, y) for x in range(0, image.width(), 5) for y in range(0, image.height(), 5)}),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    QgsApplication.setPrefixPath("/usr", True)
    application = QgsApplication([], False)
    application.initQgis()
    main(Path(sys.argv[1]), Path(sys.argv[2]))
    application.exitQgis()
