"""The table of priors over latents."""

from sparring.registry import Registry

PRIORS = Registry("prior", {"gaussian": "sparring.priors.gaussian:Gaussian"})
