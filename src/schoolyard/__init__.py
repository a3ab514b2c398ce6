"""A stand-in school ERP and strict simulators of the receivers around it, met only by processes and HTTP."""
