from guest.lang import i64


def main() -> i64:
    return 0
