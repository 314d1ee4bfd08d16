from hypothesis import settings

# a build machine may pause for long; what a property needs is examples, not haste
settings.register_profile("nablanet", deadline=None, derandomize=True)
settings.load_profile("nablanet")
