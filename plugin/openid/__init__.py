"""Logging in at the hospital's identity provider: OpenID Connect, authorization code with PKCE.

Knows the protocol: addresses, keys, tokens. Who somebody then is here, ``plugin.accounts`` says.
"""

from plugin.openid.login import HospitalLogin, Identity, LoginBegun

__all__ = ["HospitalLogin", "Identity", "LoginBegun"]
