"""Geostatistics on arrays: opens no file, knows no element.

Every name below is imported when it is first used (PEP 562), so that importing one costs no more than its own module:

>>> from pipeline.geostatistics import CovarianceModel, Structure, krige

What is done with them stands in ``docs/geostatistics.md``, step by step in the notebook ``docs/tutorial.ipynb``. What only a layered deposit needs is
imported from its module: ``layer_scores``, ``layer_sampler``, ``layered_simulation`` and ``block_reducers`` simulate it, ``marker_surface`` and
``soft_boundaries`` know of horizons and domains, ``data_worth``, ``cutoff_worth`` and ``ship_track`` say where the next core tells most.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.geostatistics.conditional_simulation import ConditionalSimulation
    from pipeline.geostatistics.contact import ContactProfile, Difference, contact_profile
    from pipeline.geostatistics.coregionalisation import (
        Coregionalisation,
        CoregionalisationFit,
        direct_and_cross_variograms,
        fit_coregionalisation,
        shared_structures,
    )
    from pipeline.geostatistics.covariance import POINT, Block, CovarianceModel, Structure, block_nodes
    from pipeline.geostatistics.cross_validation import (
        Applicability,
        CrossValidation,
        area_of_applicability,
        cross_validate,
        leave_one_core_out,
        spatial_folds,
    )
    from pipeline.geostatistics.declustering import (
        Association,
        Declustering,
        cell_declustering,
        cell_weights,
        density_association,
        polygonal_weights,
    )
    from pipeline.geostatistics.kriging import Estimate, Kriging, Neighbourhood, cokrige, krige, trend
    from pipeline.geostatistics.layers import LayeredKriging, LayeredVariable, LayerStatistics, layer_statistics
    from pipeline.geostatistics.likelihood import LikelihoodFit, RestrictedLikelihood, Shape, fit_likelihood, profile_interval
    from pipeline.geostatistics.normal_score import NormalScore
    from pipeline.geostatistics.random_fields import CirculantEmbedding
    from pipeline.geostatistics.scores import (
        Accuracy,
        Gain,
        Score,
        accuracy,
        bias,
        crps_gaussian,
        crps_sample,
        mean_absolute_error,
        mean_score,
        mean_squared_deviation_ratio,
        paired_gain,
        probability_below_gaussian,
        probability_below_sample,
        root_mean_square_error,
        skill,
    )
    from pipeline.geostatistics.simple_estimators import declustered_mean, depth_pool, inverse_distance, nearest_neighbour, polygonal
    from pipeline.geostatistics.spectral_fields import BlockFields, SpectralFields
    from pipeline.geostatistics.support import (
        DiscreteGaussian,
        GradeTonnage,
        affine_correction,
        box_gammabar,
        dispersion_variance,
        gammabar,
        indirect_lognormal_correction,
        kriging_efficiency,
        slope_of_regression,
        support_factor,
    )
    from pipeline.geostatistics.variogram import (
        Experimental,
        Fit,
        LagVariogram,
        automatic_lag_edges_m,
        cross_variogram,
        directional_variogram,
        downcore_variogram,
        experimental_cross_variogram,
        experimental_variogram,
        fit_model,
        fit_variogram,
        lag_edges_m,
        omnidirectional_variogram,
    )
else:
    _NAMES = {
        "conditional_simulation": "ConditionalSimulation",
        "contact": "ContactProfile Difference contact_profile",
        "coregionalisation": "Coregionalisation CoregionalisationFit direct_and_cross_variograms fit_coregionalisation shared_structures",
        "covariance": "Block CovarianceModel POINT Structure block_nodes",
        "cross_validation": "Applicability CrossValidation area_of_applicability cross_validate leave_one_core_out spatial_folds",
        "declustering": "Association Declustering cell_declustering cell_weights density_association polygonal_weights",
        "kriging": "Estimate Kriging Neighbourhood cokrige krige trend",
        "layers": "LayerStatistics LayeredKriging LayeredVariable layer_statistics",
        "likelihood": "LikelihoodFit RestrictedLikelihood Shape fit_likelihood profile_interval",
        "normal_score": "NormalScore",
        "random_fields": "CirculantEmbedding",
        "scores": "Accuracy Gain Score accuracy bias crps_gaussian crps_sample mean_absolute_error mean_score "
        "mean_squared_deviation_ratio paired_gain probability_below_gaussian probability_below_sample root_mean_square_error skill",
        "simple_estimators": "declustered_mean depth_pool inverse_distance nearest_neighbour polygonal",
        "spectral_fields": "BlockFields SpectralFields",
        "support": "DiscreteGaussian GradeTonnage affine_correction box_gammabar dispersion_variance gammabar indirect_lognormal_correction "
        "kriging_efficiency slope_of_regression support_factor",
        "variogram": "Experimental Fit LagVariogram automatic_lag_edges_m cross_variogram directional_variogram downcore_variogram "
        "experimental_cross_variogram experimental_variogram fit_model fit_variogram lag_edges_m omnidirectional_variogram",
    }
    _MODULE_OF = {name: module for module, names in _NAMES.items() for name in names.split()}

    # Hidden from type checkers, to which a module with __getattr__ has every name.
    def __getattr__(name):
        from importlib import import_module

        if name not in _MODULE_OF:
            msg = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(msg)
        globals()[name] = value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
        return value

    def __dir__():
        return sorted({*globals(), *__all__})


__all__ = [
    "POINT",
    "Accuracy",
    "Applicability",
    "Association",
    "Block",
    "BlockFields",
    "CirculantEmbedding",
    "ConditionalSimulation",
    "ContactProfile",
    "Coregionalisation",
    "CoregionalisationFit",
    "CovarianceModel",
    "CrossValidation",
    "Declustering",
    "Difference",
    "DiscreteGaussian",
    "Estimate",
    "Experimental",
    "Fit",
    "Gain",
    "GradeTonnage",
    "Kriging",
    "LagVariogram",
    "LayerStatistics",
    "LayeredKriging",
    "LayeredVariable",
    "LikelihoodFit",
    "Neighbourhood",
    "NormalScore",
    "RestrictedLikelihood",
    "Score",
    "Shape",
    "SpectralFields",
    "Structure",
    "accuracy",
    "affine_correction",
    "area_of_applicability",
    "automatic_lag_edges_m",
    "bias",
    "block_nodes",
    "box_gammabar",
    "cell_declustering",
    "cell_weights",
    "cokrige",
    "contact_profile",
    "cross_validate",
    "cross_variogram",
    "crps_gaussian",
    "crps_sample",
    "declustered_mean",
    "density_association",
    "depth_pool",
    "direct_and_cross_variograms",
    "directional_variogram",
    "dispersion_variance",
    "downcore_variogram",
    "experimental_cross_variogram",
    "experimental_variogram",
    "fit_coregionalisation",
    "fit_likelihood",
    "fit_model",
    "fit_variogram",
    "gammabar",
    "indirect_lognormal_correction",
    "inverse_distance",
    "krige",
    "kriging_efficiency",
    "lag_edges_m",
    "layer_statistics",
    "leave_one_core_out",
    "mean_absolute_error",
    "mean_score",
    "mean_squared_deviation_ratio",
    "nearest_neighbour",
    "omnidirectional_variogram",
    "paired_gain",
    "polygonal",
    "polygonal_weights",
    "probability_below_gaussian",
    "probability_below_sample",
    "profile_interval",
    "root_mean_square_error",
    "shared_structures",
    "skill",
    "slope_of_regression",
    "spatial_folds",
    "support_factor",
    "trend",
]
