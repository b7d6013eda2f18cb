"""Who the device is. In: an enrolment URL. Out: a key and a certificate on disk, renewed in time."""
