// sources 99f5aed49dee937443dee2f43d502df1633960d6a3873db2759bf341152c019e; built by js/build.mjs; licences in LICENSES.txt
var e={render(){}};export{e as default};
