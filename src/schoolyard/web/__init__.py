"""The ERP's website: the routes, answers, headers and log lines of SikshaMitra ERP that operations can see."""
