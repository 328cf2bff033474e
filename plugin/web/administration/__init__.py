"""What an administrator sees and changes: one card per subject, each with its own address.

Every control stands for something that the registry can do, or for a request that another process
carries out. A change is made on the state that the page showed, or refused when somebody else
changed it meanwhile.
"""

from plugin.web.administration.routes import administration_routes

__all__ = ["administration_routes"]
