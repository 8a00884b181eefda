from guest.lang import embed


PAGE = embed("no/such/file.html")
OTHER = embed("../secret")
