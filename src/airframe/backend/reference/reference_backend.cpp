// built by its floor
