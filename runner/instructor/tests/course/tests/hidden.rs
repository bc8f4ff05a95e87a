fn secret() {}
