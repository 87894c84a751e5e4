export default { clearScreen: false }
