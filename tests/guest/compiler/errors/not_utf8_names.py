from guest.lang import u32


def f(größe: u32) -> u32:
    return größe + b"ü"
