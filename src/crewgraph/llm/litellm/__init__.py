"""Models of providers, through litellm: settings, what goes over the wire, streams, errors and prices."""
